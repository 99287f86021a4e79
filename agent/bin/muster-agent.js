#!/usr/bin/env -S node --max-semi-space-size=4 --external-memory-accounted-in-global-limit
// V8 lets the nursery of its heap grow to 64 MiB where output streams through, and keeps it: 4 MiB cost no speed there. And it collects the
// whole heap again and again for buffers that are outside of it, unless their size counts against the heap's own limit.
// Plain JavaScript that an old Node can still read, so that it can say what it needs.
const [major, minor, patch] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && (minor < 18 || (minor === 18 && patch < 1)))) {
  process.stderr.write(
    `muster-agent: needs Node 24.18.1 or newer, this is ${process.version}; run it with npx from the project, which pins Node 24\n`,
  );
  process.exit(1);
}
await import('../dist/main.js');
