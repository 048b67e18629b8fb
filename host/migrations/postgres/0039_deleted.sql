-- Accounts that were deleted, until nothing of them is left.
CREATE TABLE deleted_accounts (
  account_id text COLLATE "C" NOT NULL PRIMARY KEY,
  deleted_at bigint NOT NULL,
  sources    text COLLATE "C" NOT NULL,                  -- JSON: ids, by which refused requests are known
  swept_at   bigint                                      -- null: something may be left of it; else nothing was left then
);
