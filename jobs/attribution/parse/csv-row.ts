import { RowError } from './row-error.ts';

/**
 * The fields of one CSV line (RFC 4180, comma, no line end inside).
 *
 * @throws RowError PARSE for another number of fields than `fieldCount`, or a quote out of place.
 */
export function splitCsvRow(line: string, fieldCount: number): readonly string[] {
  const fields = line.includes('"') ? splitQuoted(line) : line.split(',');
  if (fields.length !== fieldCount)
    throw new RowError('PARSE', `expected ${fieldCount} CSV fields, found ${fields.length}`);
  return fields;
}

function splitQuoted(line: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] !== '"') {
      const comma = line.indexOf(',', at);
      const text = comma === -1 ? line.slice(at) : line.slice(at, comma);
      if (text.includes('"'))
        throw new RowError(
          'PARSE',
          `expected a quote at the start of a CSV field only, found one at ${line.indexOf('"', at)}`,
        );
      fields.push(text);
      if (comma === -1) return fields;
      at = comma + 1;
      continue;
    }
    let end = line.indexOf('"', at + 1);
    while (end !== -1 && line[end + 1] === '"') end = line.indexOf('"', end + 2);
    if (end === -1)
      throw new RowError('PARSE', `expected the CSV quote at ${at} to be closed, found the end of the row`);
    fields.push(line.slice(at + 1, end).replaceAll('""', '"'));
    if (end + 1 === line.length) return fields;
    if (line[end + 1] !== ',')
      throw new RowError('PARSE', `expected a comma behind the CSV quote at ${end}, found ${line[end + 1]}`);
    at = end + 2;
  }
}
