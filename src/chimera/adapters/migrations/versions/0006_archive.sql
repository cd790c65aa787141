CREATE TABLE archived_facts (
    fact TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (fact)
);

CREATE INDEX ix_decisions_at_ms ON decisions (at_ms);
