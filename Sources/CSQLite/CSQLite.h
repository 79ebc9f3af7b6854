/* SQLite, and one of its calls that has a variable number of arguments, which Swift cannot make. No logic. */
#ifndef CSQLITE_H
#define CSQLITE_H

#include <sqlite3.h>

/* sqlite3_db_config(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE: closing leaves database and WAL as they are. */
static inline int keep_wal_on_close(sqlite3 *connection)
{
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

#endif
