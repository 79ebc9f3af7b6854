"""Tables of the extension in SQLite, which is what osquery runs its queries with.

A table is a virtual one that does what osqueryd's does for an extension's table (osquery: sql/virtual_table.cpp and
sql/dynamic_table_row.cpp): which constraints it takes, what it passes on, how it numbers rows and makes values of texts.
"""

import apsw

INDEX, REQUIRED, ADDITIONAL = 1, 2, 4
COSTLY = 1_000_000
ROWID = -1


def database(manager, *tables):
    """A database in which each of the tables is asked of the extension whenever a query looks at it."""
    connection = apsw.Connection(":memory:")
    connection.create_module("osquery", _Module(manager), use_bestindex_object=True)
    for table in tables:
        connection.execute(f"CREATE VIRTUAL TABLE {table} USING osquery()")
    return connection


def rows(connection, query):
    cursor = connection.cursor()
    cursor.row_trace = lambda cursor, row: {column[0]: value for column, value in zip(cursor.get_description(), row, strict=True)}
    return list(cursor.execute(query))


def keep(connection, table):
    """Replaces a table by what it holds now, which can be changed and which SQLite itself looks after."""
    connection.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM {table}")
    connection.execute(f"DROP TABLE main.{table}")
    connection.execute(f"ALTER TABLE kept RENAME TO {table}")


class _Module:
    def __init__(self, manager):
        self.manager = manager

    def Create(self, connection, module, database, table, *arguments):
        routes = self.manager.registries[self.manager.uuid]["table"][table]
        columns = [route for route in routes if route["id"] == "column"]
        declared = [f"`{column['name']}` {column['type']}" for column in columns]
        # osqueryd makes a primary key of them, too, although their values need not be unique.
        key = [f"`{column['name']}`" for column in columns if int(column["op"]) & (INDEX | ADDITIONAL)]
        if key:
            declared.append(f"PRIMARY KEY ({', '.join(key)})")
        return f"CREATE TABLE {table} ({', '.join(declared)})", _Table(self.manager, table, columns)

    Connect = Create


class _Table:
    def __init__(self, manager, name, columns):
        self.manager = manager
        self.name = name
        self.columns = columns
        self.plans = []

    def BestIndexObject(self, index):
        constraints, cost = [], COSTLY
        for i in range(index.nConstraint):
            number, operator = index.get_aConstraint_iColumn(i), index.get_aConstraint_op(i)
            if not index.get_aConstraint_usable(i) or number < 0:
                continue
            column = self.columns[number]
            is_order = operator in (
                apsw.SQLITE_INDEX_CONSTRAINT_GT, apsw.SQLITE_INDEX_CONSTRAINT_GE,
                apsw.SQLITE_INDEX_CONSTRAINT_LT, apsw.SQLITE_INDEX_CONSTRAINT_LE)
            if column["type"] == "TEXT" and is_order:
                cost += 10
            elif int(column["op"]) & (INDEX | REQUIRED | ADDITIONAL):
                cost = 1
                constraints.append((column["name"], operator))
                index.set_aConstraintUsage_argvIndex(i, len(constraints))
        used = [column["name"] for number, column in enumerate(self.columns) if min(number, 63) in index.colUsed]
        index.idxNum = len(self.plans)
        index.estimatedCost = cost
        self.plans.append((constraints, used))
        return True

    def Open(self):
        return _Cursor(self)

    def Disconnect(self):
        pass

    Destroy = Disconnect


class _Cursor:
    def __init__(self, table):
        self.table = table

    def Filter(self, number, name, arguments):
        constraints, used = self.table.plans[number]
        given = [
            (column, operator, str(value))
            for (column, operator), value in zip(constraints, arguments, strict=True) if value not in (None, "")
        ]
        self.rows = self.table.manager.generate(self.table.name, given, used, keeping_row_ids=True)
        self.position = 0

    def Eof(self):
        return self.position >= len(self.rows)

    def Next(self):
        self.position += 1

    def Rowid(self):
        return int(self.rows[self.position].get("rowid", self.position))

    def Column(self, number):
        if number == ROWID:
            return self.Rowid()
        column = self.table.columns[number]
        text = self.rows[self.position].get(column["name"])
        if text is None or column["type"] in ("TEXT", "BLOB"):
            return text
        try:
            return float(text) if column["type"] == "DOUBLE" else int(text)
        except ValueError:
            return None

    def Close(self):
        pass
