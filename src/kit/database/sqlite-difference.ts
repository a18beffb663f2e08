/**
 * What turns one SQLite schema into another. The ORM's own comparison misreads SQLite (of an enum's values it sees every
 * second one, and no foreign key), so it would make every table anew each time. Both schemas are compared as the text
 * that SQLite keeps of them (`sqlite_schema`), table by table, definition by definition.
 */
export interface SchemaEntry {
  readonly type: string;
  readonly name: string;
  readonly tbl_name: string;
  /** Null for what SQLite makes by itself. */
  readonly sql: string | null;
}

export const SCHEMA_ENTRIES = `select type, name, tbl_name, sql from sqlite_schema where name not like 'sqlite_%'
  and name not like 'search_%' and name <> 'migration' order by name`;

export function sqliteDifference(now: readonly SchemaEntry[], wanted: readonly SchemaEntry[]): string[] {
  const tables = (entries: readonly SchemaEntry[]) => entries.filter(({ type }) => type === 'table');
  const indexes = (entries: readonly SchemaEntry[], table: string) =>
    entries.filter(({ type, tbl_name }) => type === 'index' && tbl_name === table);
  const statements: string[] = [];
  for (const table of tables(wanted)) {
    const old = tables(now).find(({ name }) => name === table.name);
    const change = old ? changeTable(table.name, old.sql ?? '', table.sql ?? '') : [`${table.sql}`];
    statements.push(...change);
    // a table that was made anew has lost its indexes
    const left = change.length > 1 || !old ? [] : indexes(now, table.name);
    const right = indexes(wanted, table.name);
    const isIn = (entry: SchemaEntry, list: readonly SchemaEntry[]) =>
      list.some(({ name, sql }) => name === entry.name && sql === entry.sql);
    statements.push(...left.filter((entry) => !isIn(entry, right)).map(({ name }) => `drop index \`${name}\``));
    statements.push(...right.filter((entry) => !isIn(entry, left)).map(({ sql }) => `${sql}`));
  }
  for (const { name } of tables(now)) {
    if (!tables(wanted).some((table) => table.name === name)) statements.push(`drop table \`${name}\``);
  }
  return statements.map((sql) => `${sql};`);
}

/** One statement where a column is added to the end; otherwise the table is made anew (sqlite.org/lang_altertable, 7). */
function changeTable(name: string, old: string, wanted: string): string[] {
  const before = definitionsOf(old);
  const after = definitionsOf(wanted);
  const added = after.filter((definition) => !before.includes(definition));
  const removed = before.filter((definition) => !after.includes(definition));
  if (added.length === 0 && removed.length === 0) return [];
  const [first] = added;
  if (removed.length === 0 && added.length === 1 && first && mayBeAdded(first)) {
    return [`alter table \`${name}\` add column ${first}`];
  }
  const columns = columnsOf(after)
    .filter((column) => columnsOf(before).includes(column))
    .map((column) => `\`${column}\``)
    .join(', ');
  return [
    wanted.replace(/^create table [`"]?\w+[`"]?/i, `create table \`${name}__new\``),
    `insert into \`${name}__new\` (${columns}) select ${columns} from \`${name}\``,
    `drop table \`${name}\``,
    `alter table \`${name}__new\` rename to \`${name}\``,
  ];
}

/** A column that rows of before can have: null, or with a constant default. */
const mayBeAdded = (definition: string): boolean =>
  definition.startsWith('`') &&
  !/references|unique/i.test(definition) &&
  (/ null$/.test(definition) ? !/ not null$/.test(definition) : / default /.test(definition));

const columnsOf = (definitions: readonly string[]): string[] =>
  definitions.flatMap((definition) => /^`(\w+)`/.exec(definition)?.[1] ?? []);

/** The parts between the outermost parentheses, one for each column or constraint. */
function definitionsOf(sql: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let isText = false;
  let part = '';
  for (const character of sql.slice(sql.indexOf('(') + 1, sql.lastIndexOf(')'))) {
    if (character === "'") isText = !isText;
    else if (!isText && character === '(') depth += 1;
    else if (!isText && character === ')') depth -= 1;
    if (character === ',' && depth === 0 && !isText) {
      parts.push(part.trim());
      part = '';
    } else part += character;
  }
  return [...parts, part.trim()];
}
