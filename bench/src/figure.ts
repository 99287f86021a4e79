/** What a benchmark says: figures, each one JSON line for programs and one row of the table for people. */
import { median } from './statistics.ts';

/** One figure over the rounds of a run. */
export interface Figure {
  readonly figure: string;
  /** The median of the rounds. */
  readonly value: number;
  readonly unit: string;
  /** How many rounds. */
  readonly n: number;
  readonly min: number;
  readonly max: number;
  /** The peer, measured in the same run, and ours divided by it: the median of the rounds' own ratios. */
  readonly ratio_to?: string;
  readonly ratio?: number;
  /** What is to be reached, and whether it was. */
  readonly goal?: string;
  readonly met?: boolean;
  /** What a reader must know to judge it. */
  readonly remark?: string;
}

/** What the rounds came to. */
export function figure(name: string, unit: string, rounds: readonly number[]): Figure {
  return {
    figure: name,
    value: rounded(median(rounds)),
    unit,
    n: rounds.length,
    min: rounded(Math.min(...rounds)),
    max: rounded(Math.max(...rounds)),
  };
}

/** The same with its ratio to a peer: round by round, because both had the same neighbours then. */
export function comparedWith(
  ours: Figure,
  rounds: readonly number[],
  peer: { readonly name: string; readonly rounds: readonly number[] },
): Figure {
  const ratios = rounds.flatMap((value, index) => {
    const other = peer.rounds[index];
    return other === undefined ? [] : [value / other];
  });
  return ratios.length === 0 ? ours : { ...ours, ratio_to: peer.name, ratio: rounded(median(ratios)) };
}

/** The same with what is to be reached. */
export function withGoal(ours: Figure, goal: string, met: boolean): Figure {
  return { ...ours, goal, met };
}

/** The table at the end of a run. */
export function table(figures: readonly Figure[]): string {
  const rows = [
    ['figure', 'median', 'min-max', 'n', 'ratio', 'goal', 'met'],
    ...figures.map((each) => [
      each.figure,
      `${each.value} ${each.unit}`,
      `${each.min}-${each.max}`,
      String(each.n),
      each.ratio === undefined ? '' : `${each.ratio} x ${each.ratio_to ?? ''}`,
      each.goal ?? '',
      each.met === undefined ? '' : each.met ? 'yes' : 'NO',
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Three figures that count: more would only be noise. */
function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(3));
}
