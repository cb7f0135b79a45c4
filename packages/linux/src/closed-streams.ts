/**
 * The first import of each program, and its only static one. Node makes a pipe, a socket or a terminal non-blocking as
 * soon as anything looks at process.stdin, process.stdout or process.stderr, console.log() and the import of "node:util"
 * included. That is a property of the open file, not of the process: other programs that have it would get EAGAIN for
 * what they write. So these streams are gone before anything else is loaded; the program writes by system calls (packages/cli/src/terminal/output.ts).
 */
for (const name of ["stdin", "stdout", "stderr"]) Object.defineProperty(process, name, { value: undefined });

// Node's own warnings are for its programmers.
process.removeAllListeners("warning");
