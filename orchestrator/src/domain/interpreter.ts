// Which interpreter a script needs, as far as a node can be chosen by it: by name only. An absolute path is left to the node,
// which looks at its own disk when the attempt is offered.
import type { Script } from '@muster/gen/muster/job/v1/workload_pb';

/** The interpreter's name, for example "bash". Undefined: any node may be asked. */
export function requiredInterpreter(script: Script): string | undefined {
  if (script.interpreter !== '') return script.interpreter.startsWith('/') ? undefined : script.interpreter;
  const shebang = /^#![ \t]*(\S+)(?:[ \t]+(\S+))?/.exec(script.content);
  if (shebang === null) return undefined;
  const [, path, argument] = shebang;
  // "#!/usr/bin/env python3" looks the name up in PATH, which is what the node's probe did.
  if (path?.endsWith('/env') === true && argument !== undefined && !argument.startsWith('-')) return argument;
  return undefined;
}
