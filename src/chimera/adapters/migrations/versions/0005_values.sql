CREATE TABLE fill_values (
    signature TEXT NOT NULL,
    sol_micro_usd BIGINT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (signature)
);
