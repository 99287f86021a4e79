#!/usr/bin/env -S node --max-semi-space-size=8
// The flag: V8 lets the nursery of its heap grow to 64 MiB where output streams through, and keeps it. 8 MiB cost no speed there.
// Plain JavaScript that an old Node can still read, so that it can say what it needs.
const [major, minor, patch] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && (minor < 18 || (minor === 18 && patch < 1)))) {
  process.stderr.write(
    `muster-orchestrator: needs Node 24.18.1 or newer, this is ${process.version}; run it with npx from the project, which pins Node 24\n`,
  );
  process.exit(1);
}
await import('../dist/main.js');
