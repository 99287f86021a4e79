/** Messages of the contract as JSON: protobuf's own mapping, fields in their order, empty ones included so that scripts can rely on them. */
import { type DescMessage, type MessageShape, toJson } from '@bufbuild/protobuf';

/** JSON text with two spaces of indent, ended by a newline. */
export function showJson<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): string {
  return `${JSON.stringify(toJson(schema, message, { alwaysEmitImplicit: true }), undefined, 2)}\n`;
}
