import { Socket } from "node:net";
import { messageOf } from "@puzzlefs/linux";
import type { Log } from "./log-level.ts";

/**
 * The first signal has the mount detached by `unmount`: its path is free at once, files still open go on working, and
 * the process ends when the last is closed. The second signal ends the process at once, after `kill`. Returns a
 * function that stops it.
 */
export function watchSignals(unmount: () => Promise<void>, log: Log, kill: () => void = () => undefined): () => void {
  let signalled = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signalled) {
      kill();
      process.exit(1);
    }
    signalled = true;
    log("info", `${signal}: unmounting`);
    unmount().catch((error: unknown) => log("error", messageOf(error)));
  };
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}

/**
 * Asks the unmounter at the other end of a socket to unmount, by a line of what it needs to know. Rejects with its message if it
 * fails.
 */
export function requestUnmount(socket: number, line = ""): Promise<void> {
  return new Promise((settle, fail) => {
    const unmounter = new Socket({ fd: socket });
    let answer = "";
    unmounter.setEncoding("utf8").on("data", (text: string) => (answer += text));
    unmounter.once("error", fail);
    unmounter.once("close", () => (answer === "" ? settle() : fail(new Error(answer.trim()))));
    unmounter.write(`${line}\n`);
    unmounter.unref();
  });
}

/** Where there is no unmounter, as in the namespaces of a container. */
export function cannotUnmount(): Promise<never> {
  return Promise.reject(new Error("this process cannot unmount from where it runs: use umount(8)"));
}
