/** The tables of `receipts`, one of which is written to at a time. */
export const RECEIPT_TABLES: readonly string[] = ['receipts_0', 'receipts_1', 'receipts_2', 'receipts_3'];

/** SQL: the name of a table, and `receipts` for each of these. */
export const tableName = (column: string) => `regexp_replace(${column}, '^receipts_[0-3]$', 'receipts')`;
