import { SignalWatch } from "@puzzlefs/linux";

/**
 * Does work that undoes itself when `check` throws, which happens after SIGINT, SIGTERM or SIGHUP. The process then dies
 * by that signal, so that shells and make(1) see it; also if the signal came too late to stop the work.
 */
export async function interruptible<T>(work: (check: () => void) => Promise<T>): Promise<T> {
  const watch = new SignalWatch();
  try {
    return await work(watch.check);
  } finally {
    const signal = watch.received();
    watch.close();
    if (signal !== undefined) process.kill(process.pid, signal);
  }
}
