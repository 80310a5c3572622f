-- Which root key was compared: an account may change it.

ALTER TABLE verified ADD COLUMN root BLOB NOT NULL DEFAULT x'';
