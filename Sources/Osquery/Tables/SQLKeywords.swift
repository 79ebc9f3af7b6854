/// Words that are no names in SQL.
enum SQLKeywords {
    /// Those that SQLite takes for no table's name unless they are quoted, which osqueryd does not do: found by trying each word of
    /// sqlite.org/lang_keywords.html with SQLite 3.40 and 3.54.
    static let reserved: Set<String> = [
        "add", "all", "alter", "and", "as", "autoincrement", "between", "case", "check", "collate", "commit",
        "constraint", "create", "default", "deferrable", "delete", "distinct", "drop", "else", "escape", "except",
        "exists", "foreign", "from", "group", "having", "if", "in", "index", "insert", "intersect", "into", "is",
        "isnull", "join", "limit", "not", "nothing", "notnull", "null", "on", "or", "order", "primary", "references",
        "returning", "select", "set", "table", "then", "to", "transaction", "union", "unique", "update", "using",
        "values", "when", "where",
    ]
}
