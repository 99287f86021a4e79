/** Tables: aligned columns without lines, which read well on a terminal and are easy to cut in a pipe. */
import Table from 'cli-table3';
import type { Paint } from './paint.ts';

/** No lines between anything; two spaces between columns. */
const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** The table as text that ends with a newline. Cells must be safe already (cellText). */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string {
  const table = new Table({
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(
    head.map((title) => paint.bold(title)),
    ...rows.map((row) => [...row]),
  );
  const lines = table.toString().split('\n');
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}
