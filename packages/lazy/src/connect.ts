import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import {
  close,
  connect,
  type Directory,
  keepDescriptorsFromChildren,
  streamSocket,
  withWorkingDirectory,
} from "@puzzlefs/linux";

/** Of the fetcher, in the layout's directory `lazy`. */
export const SOCKET = "fetcher.sock";
const PAUSE = 20;
/** For the start of a fetcher; milliseconds. */
const PATIENCE = 20_000;

/**
 * Starts a fetcher for the layout that has this directory, detached: it ends at once if there is another.
 *
 * @param program Node's arguments for a program that calls runFetcher()
 */
export function startFetcher(directory: Directory, program: readonly string[]): ChildProcess {
  keepDescriptorsFromChildren();
  return withWorkingDirectory(directory.descriptor, () => {
    const child = spawn(process.execPath, [...process.execArgv, ...program], { detached: true, stdio: "ignore" });
    child.on("error", () => undefined);
    child.unref();
    return child;
  });
}

/** A descriptor of a connection to the fetcher of a layout, which is started if there is none. Rejected if that fails. */
export async function connectFetcher(directory: Directory, program: readonly string[]): Promise<number> {
  const end = performance.now() + PATIENCE;
  let started: ChildProcess | undefined;
  for (let attempt = 0; performance.now() < end; attempt++) {
    const socket = streamSocket();
    if (withWorkingDirectory(directory.descriptor, () => connect(socket, SOCKET))) return socket;
    close(socket);
    // Again if it has ended: another one that was about to end may have kept it from starting. Not while it starts, which
    // takes long on a busy machine.
    if (attempt % 50 === 0 && (started === undefined || hasEnded(started))) started = startFetcher(directory, program);
    await sleep(PAUSE);
  }
  throw new Error(`${directory.path}: the fetcher does not start`);
}

function hasEnded({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}
