SELECT CASE r.via WHEN 'setting' THEN s.tenant_id ELSE r.tenant_id END
        FROM {{ audit }}.tenant_readers AS r
        INNER JOIN pg_catalog.pg_roles AS o ON o.rolname = r.role
        CROSS JOIN (
            SELECT CASE
                WHEN pg_catalog.octet_length(v.said) > 200
                    THEN 'sha256:' || pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(v.said, 'UTF8')), 'hex')
                WHEN pg_catalog.starts_with(v.said, '_') THEN '_' || v.said
                ELSE v.said
            END AS tenant_id
            FROM (SELECT pg_catalog.current_setting('pgaudit_kit.tenant_id', true) AS said) AS v
        ) AS s
        WHERE pg_catalog.pg_has_role({{ who }}, o.oid, 'usage') AND (r.via = 'membership' OR s.tenant_id <> '')
