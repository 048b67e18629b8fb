-- Accounts that were deleted, until nothing of them is left.
CREATE TABLE deleted_accounts (
  account_id text    NOT NULL PRIMARY KEY,
  deleted_at integer NOT NULL,
  sources    text    NOT NULL,                  -- JSON: ids, by which refused requests are known
  swept_at   integer                            -- null: something may be left of it; else nothing was left then
) STRICT, WITHOUT ROWID;
