-- What stands still because somebody said so: one lane, all lanes of an account, or everything. It stays until somebody
-- resumes it. A rest, which HubSpot asks for and which ends by itself, stands in `lanes`.

CREATE TABLE pauses (
  account_id text COLLATE "C" NOT NULL,         -- empty: of all accounts
  lane_id    text COLLATE "C" NOT NULL,         -- empty: of all lanes of the account
  since      bigint           NOT NULL,
  PRIMARY KEY (account_id, lane_id)
);
