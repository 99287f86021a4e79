import { expect, it } from '@jest/globals';
import Database from 'better-sqlite3';
import { is } from 'drizzle-orm';
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { migrate } from './migrate.ts';
import * as schema from './schema.ts';

const tables = Object.values(schema).filter((each) => is(each, SQLiteTable));

it('names exactly the tables that the migrations make', () => {
  using database = migrated();
  const made = database.client
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .pluck()
    .all();
  expect(tables.map((table) => getTableConfig(table).name).sort()).toEqual(made);
});

for (const table of tables) {
  const { name, columns } = getTableConfig(table);
  it(`has the columns of ${name} as the migrations make them`, () => {
    using database = migrated();
    const made = database.client
      .prepare('SELECT name, type, "notnull" AS required FROM pragma_table_info(?)')
      .all(name);
    const known = columns.map((column) => ({
      name: column.name,
      type: column.getSQLType().toUpperCase(),
      required: column.notNull ? 1 : 0,
    }));
    expect(known).toEqual(made);
  });
}

function migrated(): { readonly client: Database.Database } & Disposable {
  const client = new Database(':memory:');
  migrate(client);
  return { client, [Symbol.dispose]: () => client.close() };
}
