-- What an org's administrators add to its schema: objects, fields, and the values of both. No table is made at run time
-- (DESIGN 5.8): records of all custom objects stand in one table, and values of custom fields, of custom and of standard objects,
-- in columns made in advance, of which each field of an object has one.

-- +goose Up
-- Counts the org's changes of its customization, so that what was read of it can be told from what is.
ALTER TABLE organization ADD COLUMN customization BIGINT NOT NULL DEFAULT 0;

CREATE TABLE custom_object (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    -- "Invoice__c", and the same folded.
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    developer_name TEXT NOT NULL,
    key_prefix TEXT NOT NULL,
    -- org.CustomObject as JSON.
    definition TEXT NOT NULL,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX custom_object_name ON custom_object (org_id, name_key);
CREATE UNIQUE INDEX custom_object_prefix ON custom_object (org_id, key_prefix);

CREATE TABLE custom_field (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    -- "Contact" or "Invoice__c", and its id prefix.
    object TEXT NOT NULL,
    object_key TEXT NOT NULL,
    key_prefix TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    developer_name TEXT NOT NULL,
    -- The column of custom_value.
    flex TEXT NOT NULL,
    -- org.CustomField as JSON.
    definition TEXT NOT NULL,
    -- 1 once the field is deleted: the column is not given to another before its values are cleared.
    is_deleted INTEGER NOT NULL DEFAULT 0,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX custom_field_name ON custom_field (org_id, object_key, name_key) WHERE is_deleted = 0;
CREATE UNIQUE INDEX custom_field_flex ON custom_field (org_id, object_key, flex);
CREATE INDEX custom_field_deleted ON custom_field (is_deleted) WHERE is_deleted = 1;

-- Records of custom objects; object is the key prefix of their ids.
CREATE TABLE custom_record (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    object TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    -- NULL of a detail, which belongs to its master's owner.
    owner_id TEXT,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX custom_record_object ON custom_record (org_id, object, id);
CREATE INDEX custom_record_modstamp ON custom_record (org_id, object, system_modstamp);
CREATE INDEX custom_record_name_key ON custom_record (org_id, object, fold_case(name));
CREATE INDEX custom_record_owner ON custom_record (org_id, object, owner_id);

-- Values of custom fields: texts, ids and dates in s…, numbers in n…, checkboxes and times in i…. A record without values
-- has no row.
CREATE TABLE custom_value (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    s001 TEXT, s002 TEXT, s003 TEXT, s004 TEXT, s005 TEXT, s006 TEXT, s007 TEXT, s008 TEXT, s009 TEXT, s010 TEXT, s011 TEXT, s012 TEXT, s013 TEXT,
    s014 TEXT, s015 TEXT, s016 TEXT, s017 TEXT, s018 TEXT, s019 TEXT, s020 TEXT, s021 TEXT, s022 TEXT, s023 TEXT, s024 TEXT, s025 TEXT, s026 TEXT,
    s027 TEXT, s028 TEXT, s029 TEXT, s030 TEXT, s031 TEXT, s032 TEXT, s033 TEXT, s034 TEXT, s035 TEXT, s036 TEXT, s037 TEXT, s038 TEXT, s039 TEXT,
    s040 TEXT, s041 TEXT, s042 TEXT, s043 TEXT, s044 TEXT, s045 TEXT, s046 TEXT, s047 TEXT, s048 TEXT, s049 TEXT, s050 TEXT, s051 TEXT, s052 TEXT,
    s053 TEXT, s054 TEXT, s055 TEXT, s056 TEXT, s057 TEXT, s058 TEXT, s059 TEXT, s060 TEXT, s061 TEXT, s062 TEXT, s063 TEXT, s064 TEXT, s065 TEXT,
    s066 TEXT, s067 TEXT, s068 TEXT, s069 TEXT, s070 TEXT, s071 TEXT, s072 TEXT, s073 TEXT, s074 TEXT, s075 TEXT, s076 TEXT, s077 TEXT, s078 TEXT,
    s079 TEXT, s080 TEXT, s081 TEXT, s082 TEXT, s083 TEXT, s084 TEXT, s085 TEXT, s086 TEXT, s087 TEXT, s088 TEXT, s089 TEXT, s090 TEXT, s091 TEXT,
    s092 TEXT, s093 TEXT, s094 TEXT, s095 TEXT, s096 TEXT, s097 TEXT, s098 TEXT, s099 TEXT, s100 TEXT, s101 TEXT, s102 TEXT, s103 TEXT, s104 TEXT,
    s105 TEXT, s106 TEXT, s107 TEXT, s108 TEXT, s109 TEXT, s110 TEXT, s111 TEXT, s112 TEXT, s113 TEXT, s114 TEXT, s115 TEXT, s116 TEXT, s117 TEXT,
    s118 TEXT, s119 TEXT, s120 TEXT, s121 TEXT, s122 TEXT, s123 TEXT, s124 TEXT, s125 TEXT, s126 TEXT, s127 TEXT, s128 TEXT, s129 TEXT, s130 TEXT,
    s131 TEXT, s132 TEXT, s133 TEXT, s134 TEXT, s135 TEXT, s136 TEXT, s137 TEXT, s138 TEXT, s139 TEXT, s140 TEXT, s141 TEXT, s142 TEXT, s143 TEXT,
    s144 TEXT, s145 TEXT, s146 TEXT, s147 TEXT, s148 TEXT, s149 TEXT, s150 TEXT, s151 TEXT, s152 TEXT, s153 TEXT, s154 TEXT, s155 TEXT, s156 TEXT,
    s157 TEXT, s158 TEXT, s159 TEXT, s160 TEXT, n001 DOUBLE PRECISION, n002 DOUBLE PRECISION, n003 DOUBLE PRECISION, n004 DOUBLE PRECISION, n005
    DOUBLE PRECISION, n006 DOUBLE PRECISION, n007 DOUBLE PRECISION, n008 DOUBLE PRECISION, n009 DOUBLE PRECISION, n010 DOUBLE PRECISION, n011 DOUBLE
    PRECISION, n012 DOUBLE PRECISION, n013 DOUBLE PRECISION, n014 DOUBLE PRECISION, n015 DOUBLE PRECISION, n016 DOUBLE PRECISION, n017 DOUBLE
    PRECISION, n018 DOUBLE PRECISION, n019 DOUBLE PRECISION, n020 DOUBLE PRECISION, n021 DOUBLE PRECISION, n022 DOUBLE PRECISION, n023 DOUBLE
    PRECISION, n024 DOUBLE PRECISION, n025 DOUBLE PRECISION, n026 DOUBLE PRECISION, n027 DOUBLE PRECISION, n028 DOUBLE PRECISION, n029 DOUBLE
    PRECISION, n030 DOUBLE PRECISION, n031 DOUBLE PRECISION, n032 DOUBLE PRECISION, n033 DOUBLE PRECISION, n034 DOUBLE PRECISION, n035 DOUBLE
    PRECISION, n036 DOUBLE PRECISION, n037 DOUBLE PRECISION, n038 DOUBLE PRECISION, n039 DOUBLE PRECISION, n040 DOUBLE PRECISION, n041 DOUBLE
    PRECISION, n042 DOUBLE PRECISION, n043 DOUBLE PRECISION, n044 DOUBLE PRECISION, n045 DOUBLE PRECISION, n046 DOUBLE PRECISION, n047 DOUBLE
    PRECISION, n048 DOUBLE PRECISION, n049 DOUBLE PRECISION, n050 DOUBLE PRECISION, n051 DOUBLE PRECISION, n052 DOUBLE PRECISION, n053 DOUBLE
    PRECISION, n054 DOUBLE PRECISION, n055 DOUBLE PRECISION, n056 DOUBLE PRECISION, n057 DOUBLE PRECISION, n058 DOUBLE PRECISION, n059 DOUBLE
    PRECISION, n060 DOUBLE PRECISION, n061 DOUBLE PRECISION, n062 DOUBLE PRECISION, n063 DOUBLE PRECISION, n064 DOUBLE PRECISION, n065 DOUBLE
    PRECISION, n066 DOUBLE PRECISION, n067 DOUBLE PRECISION, n068 DOUBLE PRECISION, n069 DOUBLE PRECISION, n070 DOUBLE PRECISION, n071 DOUBLE
    PRECISION, n072 DOUBLE PRECISION, n073 DOUBLE PRECISION, n074 DOUBLE PRECISION, n075 DOUBLE PRECISION, n076 DOUBLE PRECISION, n077 DOUBLE
    PRECISION, n078 DOUBLE PRECISION, n079 DOUBLE PRECISION, n080 DOUBLE PRECISION, i001 BIGINT, i002 BIGINT, i003 BIGINT, i004 BIGINT, i005 BIGINT,
    i006 BIGINT, i007 BIGINT, i008 BIGINT, i009 BIGINT, i010 BIGINT, i011 BIGINT, i012 BIGINT, i013 BIGINT, i014 BIGINT, i015 BIGINT, i016 BIGINT,
    i017 BIGINT, i018 BIGINT, i019 BIGINT, i020 BIGINT, i021 BIGINT, i022 BIGINT, i023 BIGINT, i024 BIGINT, i025 BIGINT, i026 BIGINT, i027 BIGINT,
    i028 BIGINT, i029 BIGINT, i030 BIGINT, i031 BIGINT, i032 BIGINT, i033 BIGINT, i034 BIGINT, i035 BIGINT, i036 BIGINT, i037 BIGINT, i038 BIGINT,
    i039 BIGINT, i040 BIGINT, i041 BIGINT, i042 BIGINT, i043 BIGINT, i044 BIGINT, i045 BIGINT, i046 BIGINT, i047 BIGINT, i048 BIGINT, i049 BIGINT,
    i050 BIGINT, i051 BIGINT, i052 BIGINT, i053 BIGINT, i054 BIGINT, i055 BIGINT, i056 BIGINT, i057 BIGINT, i058 BIGINT, i059 BIGINT, i060 BIGINT,
    i061 BIGINT, i062 BIGINT, i063 BIGINT, i064 BIGINT, i065 BIGINT, i066 BIGINT, i067 BIGINT, i068 BIGINT, i069 BIGINT, i070 BIGINT, i071 BIGINT,
    i072 BIGINT, i073 BIGINT, i074 BIGINT, i075 BIGINT, i076 BIGINT, i077 BIGINT, i078 BIGINT, i079 BIGINT, i080 BIGINT,
    PRIMARY KEY (org_id, id)
);

-- Values that records are looked for by: of unique fields, external ids and references. value is the text folded, unless the
-- field regards case.
CREATE TABLE custom_index (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    field_id TEXT NOT NULL,
    record_id TEXT NOT NULL,
    value TEXT NOT NULL,
    -- The same where the field is unique and the record is not in the recycle bin; else NULL.
    unique_value TEXT,
    PRIMARY KEY (org_id, field_id, record_id)
);
CREATE INDEX custom_index_value ON custom_index (org_id, field_id, value);
CREATE INDEX custom_index_record ON custom_index (org_id, record_id);
CREATE UNIQUE INDEX custom_index_unique ON custom_index (org_id, field_id, unique_value) WHERE unique_value IS NOT NULL;

-- +goose Down
DROP TABLE custom_index;
DROP TABLE custom_value;
DROP TABLE custom_record;
DROP TABLE custom_field;
DROP TABLE custom_object;
ALTER TABLE organization DROP COLUMN customization;
