jsonb_build_object(
        'db_user', session_user,
        'role', current_setting('role'),
        'application_name', CASE WHEN current_setting('session_replication_role') = 'replica'
            THEN {{ audit }}.session_name() ELSE current_setting('application_name') END,
        'client_addr', host(inet_client_addr())
    )
