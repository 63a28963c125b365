jsonb_build_object(
        'db_user', session_user,
        'role', current_setting('role'),
        'application_name', current_setting('application_name'),
        'client_addr', host(inet_client_addr())
    )
