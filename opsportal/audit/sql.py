"""The SQL of the chain, used by the migration. Sealing and verifying share one function, so they cannot drift apart."""

from typing import Final

APPEND_SIGNATURE: Final = (
    "audit_append(bigint, timestamptz, text, text, text, text, bigint, bigint, text, text, text, jsonb)"
)
VERIFY_SIGNATURE: Final = "audit_first_break(bigint, bigint, bytea)"

# jsonb renders its keys in one fixed order, and times are counted in whole microseconds: the same bytes everywhere.
SEAL: Final = """
CREATE FUNCTION audit_seal(e audit_auditentry) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT sha256(e.previous_hash || convert_to(jsonb_build_array(
        e.chain, e.seq,
        (extract(epoch FROM e.at) * 1000000)::bigint, (extract(epoch FROM e.recorded_at) * 1000000)::bigint,
        e.verb, e.obj_kind, e.obj_id, e.actor_kind, e.actor_user_id, e.actor_token_id, e.actor_system, e.request_id,
        encode(e.ip_digest, 'hex'), e.data
    )::text, 'UTF8'))
$$;
"""

APPEND: Final = """
CREATE FUNCTION audit_append(
    p_chain bigint, p_at timestamptz, p_verb text, p_obj_kind text, p_obj_id text, p_actor_kind text,
    p_actor_user_id bigint, p_actor_token_id bigint, p_actor_system text, p_request_id text, p_ip text, p_data jsonb
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    head audit_audithead;
    entry audit_auditentry;
BEGIN
    INSERT INTO audit_audithead (chain, seq, hash) VALUES (p_chain, 0, sha256('opsportal'::bytea))
        ON CONFLICT (chain) DO NOTHING;
    SELECT * INTO head FROM audit_audithead WHERE chain = p_chain FOR UPDATE;
    entry.id := nextval(pg_get_serial_sequence('audit_auditentry', 'id'));
    entry.chain := p_chain;
    entry.seq := head.seq + 1;
    entry.at := p_at;
    entry.recorded_at := clock_timestamp();
    entry.verb := p_verb;
    entry.obj_kind := p_obj_kind;
    entry.obj_id := p_obj_id;
    entry.actor_kind := p_actor_kind;
    entry.actor_user_id := p_actor_user_id;
    entry.actor_token_id := p_actor_token_id;
    entry.actor_system := p_actor_system;
    entry.request_id := p_request_id;
    entry.ip := p_ip;
    entry.ip_salt := uuid_send(gen_random_uuid());
    entry.ip_digest := sha256(entry.ip_salt || convert_to(p_ip, 'UTF8'));
    entry.data := p_data;
    entry.previous_hash := head.hash;
    entry.hash := audit_seal(entry);
    INSERT INTO audit_auditentry SELECT entry.*;
    UPDATE audit_audithead SET seq = entry.seq, hash = entry.hash WHERE chain = p_chain;
    RETURN entry.seq;
END
$$;
"""

# The first sequence number after p_after that does not follow from the row before it, or NULL. p_hash is the hash the
# row p_after must have had; a row is also broken when its address no longer matches its digest (blanked ones pass).
FIRST_BREAK: Final = """
CREATE FUNCTION audit_first_break(p_chain bigint, p_after bigint, p_hash bytea) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT min(expected) FROM (
        SELECT p_after + row_number() OVER w AS expected, e.seq, e.hash, e.previous_hash,
               coalesce(lag(e.hash) OVER w, p_hash) AS before, audit_seal(e) AS sealed,
               (e.ip_salt = ''::bytea AND e.ip = '')
               OR sha256(e.ip_salt || convert_to(e.ip, 'UTF8')) = e.ip_digest AS ip_holds
        FROM audit_auditentry e WHERE e.chain = p_chain AND e.seq > p_after
        WINDOW w AS (ORDER BY e.seq, e.id)
    ) AS walked
    WHERE seq <> expected OR previous_hash <> before OR hash <> sealed OR NOT ip_holds
$$;
"""

# The owner may still alter what it owns; these stop an accident, and make intent visible in the owner's own log.
REFUSE: Final = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit rows are append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE ON audit_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
"""

CREATE: Final = (SEAL, APPEND, FIRST_BREAK, REFUSE)
DROP: Final = f"""
DROP TRIGGER audit_entry_append_only ON audit_auditentry;
DROP FUNCTION audit_refuse();
DROP FUNCTION {VERIFY_SIGNATURE};
DROP FUNCTION {APPEND_SIGNATURE};
DROP FUNCTION audit_seal(audit_auditentry);
"""
