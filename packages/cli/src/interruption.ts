import { SignalWatch } from "@puzzlefs/linux";
import { warning } from "./terminal/messages.ts";

/**
 * Does work that undoes itself when `check` throws, which happens after SIGINT, SIGTERM or SIGHUP. The process then dies
 * by that signal, so that shells and make(1) see it. A signal that comes when the work cannot be undone any more has no effect but a
 * message: a command that dies by a signal has not committed.
 */
export async function interruptible<T>(work: (check: () => void) => Promise<T>): Promise<T> {
  const watch = new SignalWatch();
  let done = false;
  try {
    const result = await work(watch.check);
    done = true;
    return result;
  } finally {
    const signal = watch.received();
    watch.close();
    if (signal !== undefined && done) warning(`${signal} came too late: the work is done`);
    else if (signal !== undefined) process.kill(process.pid, signal);
  }
}
