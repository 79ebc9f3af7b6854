"""Tables of the extension in SQLite, which is what osquery runs its queries with."""

import sqlite3


def database(manager, *tables):
    """A database with the rows that each of the tables generates now, in columns of the types that they have registered."""
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    for table in tables:
        routes = manager.registries[manager.uuid]["table"][table]
        columns = {route["name"]: route["type"] for route in routes if route["id"] == "column"}
        connection.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
        for row in manager.generate(table):
            connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
    return connection


def rows(connection, query):
    return [dict(row) for row in connection.execute(query)]
