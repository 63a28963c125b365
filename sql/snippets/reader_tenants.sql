        SELECT
            CASE
                WHEN r.via = 'membership' THEN r.tenant_id
                WHEN pg_catalog.octet_length(pg_catalog.current_setting('pgaudit_kit.tenant_id', true)) > 200
                    THEN 'sha256:' || pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
                        pg_catalog.current_setting('pgaudit_kit.tenant_id', true), 'UTF8'
                    )), 'hex')
                WHEN pg_catalog.starts_with(pg_catalog.current_setting('pgaudit_kit.tenant_id', true), '_')
                    THEN '_' || pg_catalog.current_setting('pgaudit_kit.tenant_id', true)
                ELSE pg_catalog.current_setting('pgaudit_kit.tenant_id', true)
            END
        FROM {{ audit }}.tenant_readers AS r
        WHERE
            r.role = ANY(ARRAY(
                SELECT o.rolname FROM pg_catalog.pg_roles AS o
                WHERE pg_catalog.pg_has_role({% if who %}{{ who }}, {% endif %}o.oid, 'usage')
            ))
            AND (r.via = 'membership' OR pg_catalog.current_setting('pgaudit_kit.tenant_id', true) <> '')
