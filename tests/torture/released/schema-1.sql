-- What ocppd 0.1.0 left: two sessions that no CSMS has heard of.
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE document (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
INSERT INTO "document" VALUES('FinishedSession','2c924980-0092-4711-bc15-42050003d47b','{"uuid":"2c924980-0092-4711-bc15-42050003d47b","evse_id":1,"last_event_at":"2026-11-22T19:28:58.950000+00:00","seen":[{"event":"SessionStarted","timestamp":"2026-11-22T19:28:58.931000+00:00"},{"event":"TransactionStarted","timestamp":"2026-11-22T19:28:58.933000+00:00"},{"event":"ChargingStarted","timestamp":"2026-11-22T19:28:58.938000+00:00"},{"event":"TransactionFinished","timestamp":"2026-11-22T19:28:58.942000+00:00"},{"event":"SessionFinished","timestamp":"2026-11-22T19:28:58.950000+00:00"}]}');
INSERT INTO "document" VALUES('FinishedSession','4e50f5d4-ea1a-4ce6-a606-01c4fa90df91','{"uuid":"4e50f5d4-ea1a-4ce6-a606-01c4fa90df91","evse_id":2,"last_event_at":"2026-11-22T19:28:58.979000+00:00","seen":[{"event":"SessionStarted","timestamp":"2026-11-22T19:28:58.958000+00:00"},{"event":"TransactionStarted","timestamp":"2026-11-22T19:28:58.967000+00:00"},{"event":"ChargingStarted","timestamp":"2026-11-22T19:28:58.970000+00:00"},{"event":"TransactionFinished","timestamp":"2026-11-22T19:28:58.974000+00:00"},{"event":"SessionFinished","timestamp":"2026-11-22T19:28:58.979000+00:00"}]}');
INSERT INTO "document" VALUES('LastBoot','last','{"id":"2d92e812-835a-4ea8-acaa-45f0c4ed586d"}');
INSERT INTO "document" VALUES('LastReading','1','{"meter":{"timestamp":"2026-11-22T19:28:58.933000+00:00","energy_wh_import":{"total":1020.0},"power_w":{"total":11000.0},"voltage_v":{"l1":230.0,"l2":230.0,"l3":230.0},"current_a":{"l1":16.0,"l2":16.0,"l3":16.0}}}');
INSERT INTO "document" VALUES('LastReading','2','{"meter":{"timestamp":"2026-11-22T19:28:58.967000+00:00","energy_wh_import":{"total":2020.0},"power_w":{"total":11000.0},"voltage_v":{"l1":230.0,"l2":230.0,"l3":230.0},"current_a":{"l1":16.0,"l2":16.0,"l3":16.0}}}');
CREATE TABLE migration (version INTEGER PRIMARY KEY, down TEXT NOT NULL);
INSERT INTO "migration" VALUES(1,'');
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
INSERT INTO "queue" VALUES(1,'f0f13573-2146-47ec-85bd-eb53f1d443a4','TransactionEvent','2c924980-0092-4711-bc15-42050003d47b','{"event_type":"Started","timestamp":"2026-11-22T19:28:58.933000+00:00","trigger_reason":"Authorized","seq_no":0,"transaction_id":"2c924980-0092-4711-bc15-42050003d47b","session_id":"2c924980-0092-4711-bc15-42050003d47b","evse":{"id":1,"connector_id":1},"evse_told":true,"offline":true,"charging_state":"EVConnected","id_token":{"value":"04A224B2","type":"ISO14443"},"starting_token":{"value":"04A224B2","type":"ISO14443"},"authorizes":true,"meter_values":[{"timestamp":"2026-11-22T19:28:58.933000+00:00","sampled_values":[{"value":1020.0,"measurand":"Energy.Active.Import.Register","unit":"Wh","context":"Transaction.Begin"}]}],"meter_wh":1020,"authorized_at":"2026-11-22T19:28:58.933000+00:00","authorized_meter_wh":1020}','2026-11-22T19:28:58.934434+00:00',0,NULL);
INSERT INTO "queue" VALUES(2,'dfffd529-fc63-4baf-b5b9-2d3793c179f8','TransactionEvent','2c924980-0092-4711-bc15-42050003d47b','{"event_type":"Updated","timestamp":"2026-11-22T19:28:58.938000+00:00","trigger_reason":"ChargingStateChanged","seq_no":1,"transaction_id":"2c924980-0092-4711-bc15-42050003d47b","session_id":"2c924980-0092-4711-bc15-42050003d47b","evse":{"id":1,"connector_id":1},"offline":true,"charging_state":"Charging","time_spent_charging_s":0,"starting_token":{"value":"04A224B2","type":"ISO14443"},"number_of_phases_used":3,"meter_wh":1020,"authorized_at":"2026-11-22T19:28:58.933000+00:00","authorized_meter_wh":1020}','2026-11-22T19:28:58.939581+00:00',0,NULL);
INSERT INTO "queue" VALUES(3,'c1d4f709-8563-4ded-acda-59fef738ab8e','TransactionEvent','2c924980-0092-4711-bc15-42050003d47b','{"event_type":"Ended","timestamp":"2026-11-22T19:28:58.942000+00:00","trigger_reason":"StopAuthorized","seq_no":2,"transaction_id":"2c924980-0092-4711-bc15-42050003d47b","session_id":"2c924980-0092-4711-bc15-42050003d47b","evse":{"id":1,"connector_id":1},"offline":true,"charging_state":"EVConnected","stopped_reason":"Local","host_stop_reason":"Local","time_spent_charging_s":0,"starting_token":{"value":"04A224B2","type":"ISO14443"},"meter_values":[{"timestamp":"2026-11-22T19:28:58.933000+00:00","sampled_values":[{"value":1020.0,"measurand":"Energy.Active.Import.Register","unit":"Wh","context":"Transaction.Begin"},{"value":16.0,"measurand":"Current.Import","unit":"A","context":"Transaction.Begin","phase":"L1"},{"value":16.0,"measurand":"Current.Import","unit":"A","context":"Transaction.Begin","phase":"L2"},{"value":16.0,"measurand":"Current.Import","unit":"A","context":"Transaction.Begin","phase":"L3"}]},{"timestamp":"2026-11-22T19:28:58.942000+00:00","sampled_values":[{"value":1030.0,"measurand":"Energy.Active.Import.Register","unit":"Wh","context":"Transaction.End"},{"value":16.0,"measurand":"Current.Import","unit":"A","context":"Transaction.End","phase":"L1"},{"value":16.0,"measurand":"Current.Import","unit":"A","context":"Transaction.End","phase":"L2"},{"value":16.0,"measurand":"Current.Import","unit":"A","context":"Transaction.End","phase":"L3"}]}],"meter_wh":1030,"authorized_at":"2026-11-22T19:28:58.933000+00:00","authorized_meter_wh":1020}','2026-11-22T19:28:58.943842+00:00',0,NULL);
INSERT INTO "queue" VALUES(4,'26c0e704-5147-4a86-889f-d0503ba48f67','TransactionEvent','4e50f5d4-ea1a-4ce6-a606-01c4fa90df91','{"event_type":"Started","timestamp":"2026-11-22T19:28:58.967000+00:00","trigger_reason":"Authorized","seq_no":0,"transaction_id":"4e50f5d4-ea1a-4ce6-a606-01c4fa90df91","session_id":"4e50f5d4-ea1a-4ce6-a606-01c4fa90df91","evse":{"id":2,"connector_id":1},"evse_told":true,"offline":true,"charging_state":"EVConnected","id_token":{"value":"04A224B2","type":"ISO14443"},"starting_token":{"value":"04A224B2","type":"ISO14443"},"authorizes":true,"meter_values":[{"timestamp":"2026-11-22T19:28:58.967000+00:00","sampled_values":[{"value":2020.0,"measurand":"Energy.Active.Import.Register","unit":"Wh","context":"Transaction.Begin"}]}],"meter_wh":2020,"authorized_at":"2026-11-22T19:28:58.967000+00:00","authorized_meter_wh":2020}','2026-11-22T19:28:58.968206+00:00',0,NULL);
INSERT INTO "queue" VALUES(5,'5ad7cada-04e8-48b7-af2d-ae09bdecb4ba','TransactionEvent','4e50f5d4-ea1a-4ce6-a606-01c4fa90df91','{"event_type":"Updated","timestamp":"2026-11-22T19:28:58.970000+00:00","trigger_reason":"ChargingStateChanged","seq_no":1,"transaction_id":"4e50f5d4-ea1a-4ce6-a606-01c4fa90df91","session_id":"4e50f5d4-ea1a-4ce6-a606-01c4fa90df91","evse":{"id":2,"connector_id":1},"offline":true,"charging_state":"Charging","time_spent_charging_s":0,"starting_token":{"value":"04A224B2","type":"ISO14443"},"number_of_phases_used":3,"meter_wh":2020,"authorized_at":"2026-11-22T19:28:58.967000+00:00","authorized_meter_wh":2020}','2026-11-22T19:28:58.971537+00:00',0,NULL);
INSERT INTO "queue" VALUES(6,'c79fe130-520e-4115-8c8f-f59dcffc30fa','TransactionEvent','4e50f5d4-ea1a-4ce6-a606-01c4fa90df91','{"event_type":"Ended","timestamp":"2026-11-22T19:28:58.974000+00:00","trigger_reason":"StopAuthorized","seq_no":2,"transaction_id":"4e50f5d4-ea1a-4ce6-a606-01c4fa90df91","session_id":"4e50f5d4-ea1a-4ce6-a606-01c4fa90df91","evse":{"id":2,"connector_id":1},"offline":true,"charging_state":"EVConnected","stopped_reason":"Local","host_stop_reason":"Local","time_spent_charging_s":0,"starting_token":{"value":"04A224B2","type":"ISO14443"},"meter_values":[{"timestamp":"2026-11-22T19:28:58.967000+00:00","sampled_values":[{"value":2020.0,"measurand":"Energy.Active.Import.Register","unit":"Wh","context":"Transaction.Begin"},{"value":16.0,"measurand":"Current.Import","unit":"A","context":"Transaction.Begin","phase":"L1"},{"value":16.0,"measurand":"Current.Import","unit":"A","context":"Transaction.Begin","phase":"L2"},{"value":16.0,"measurand":"Current.Import","unit":"A","context":"Transaction.Begin","phase":"L3"}]},{"timestamp":"2026-11-22T19:28:58.974000+00:00","sampled_values":[{"value":2030.0,"measurand":"Energy.Active.Import.Register","unit":"Wh","context":"Transaction.End"},{"value":16.0,"measurand":"Current.Import","unit":"A","context":"Transaction.End","phase":"L1"},{"value":16.0,"measurand":"Current.Import","unit":"A","context":"Transaction.End","phase":"L2"},{"value":16.0,"measurand":"Current.Import","unit":"A","context":"Transaction.End","phase":"L3"}]}],"meter_wh":2030,"authorized_at":"2026-11-22T19:28:58.967000+00:00","authorized_meter_wh":2020}','2026-11-22T19:28:58.975824+00:00',0,NULL);
CREATE TABLE transaction_facts (
    transaction_id TEXT PRIMARY KEY,
    generation TEXT NOT NULL,
    csms_id TEXT
);
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
INSERT INTO "variable" VALUES('OCPPCommCtrlr','',0,0,'OfflineThreshold','','Actual','77','test');
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('queue',6);
COMMIT;
