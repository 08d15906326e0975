-- What survives a power cut, beside the certificates and the security log, which are files.

CREATE TABLE document (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

CREATE TABLE variable (
    component TEXT NOT NULL,
    component_instance TEXT NOT NULL DEFAULT '',
    evse_id INTEGER NOT NULL DEFAULT 0,
    connector_id INTEGER NOT NULL DEFAULT 0,
    variable TEXT NOT NULL,
    variable_instance TEXT NOT NULL DEFAULT '',
    attribute_type TEXT NOT NULL,
    value TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (
        component, component_instance, evse_id, connector_id, variable, variable_instance,
        attribute_type
    )
) WITHOUT ROWID;

CREATE TABLE queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    transaction_id TEXT,
    body TEXT NOT NULL,
    queued_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    set_aside TEXT
);

CREATE TABLE transaction_facts (
    transaction_id TEXT PRIMARY KEY,
    generation TEXT NOT NULL,
    csms_id TEXT
);
