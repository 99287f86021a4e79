/** Enums of the contract as our string unions, by one table per enum that the compiler keeps complete on our side. */
import { AppError } from '@muster/common/errors/app-error';

/** Both directions of one enum. */
export interface EnumCodec<Name extends string, Value extends number> {
  toProto(name: Name): Value;
  /** Throws `invalid_argument` naming the field for zero (nothing said) and for numbers this version does not know. */
  fromProto(value: number, field: string): Name;
}

/** Makes the codec of a table. */
export function enumCodec<Name extends string, Value extends number>(
  table: Readonly<Record<Name, Value>>,
): EnumCodec<Name, Value> {
  const names = new Map<number, Name>();
  for (const name in table) names.set(table[name], name);
  return {
    toProto: (name) => table[name],
    fromProto(value, field) {
      const name = names.get(value);
      if (name !== undefined) return name;
      const known = [...names.values()].join(', ');
      const problem = value === 0 ? 'must be set' : `${value} is not known to this version`;
      throw new AppError('invalid_argument', `${problem}; one of: ${known}`, { field });
    },
  };
}
