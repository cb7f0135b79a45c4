/**
 * The first import of each program, and its only static one. Node makes a pipe, a socket or a terminal non-blocking at
 * the first access to process.stdin, process.stdout or process.stderr, console.log() and the import of "node:util"
 * included. That is a property of the open file, not of the process: other programs that have it would get EAGAIN from
 * write(2). So these streams are removed before anything else is loaded; the program writes by
 * system calls (packages/cli/src/terminal/output.ts).
 */
for (const name of ["stdin", "stdout", "stderr"]) Object.defineProperty(process, name, { value: undefined });

// Node's own warnings are not for users of the program.
process.removeAllListeners("warning");
