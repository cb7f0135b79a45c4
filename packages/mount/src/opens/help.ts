import {
  confine,
  LOG_DESCRIPTOR,
  logTo,
  report,
  reportError,
  REQUEST_DESCRIPTOR,
  RESOURCE_DESCRIPTOR,
} from "@puzzlefs/fuse";
import { FetchClient } from "@puzzlefs/lazy";
import { messageOf } from "@puzzlefs/linux";
import type { ImageTree } from "@puzzlefs/reader";
import { openFetched } from "../server-program.ts";
import { Channel, COMPLETE } from "./channel.ts";
import { CHANNEL_DESCRIPTOR, type OpensOrder } from "./order.ts";

/**
 * Runs the helper of a listener: it parses the image, without privileges, and has the chunks of the files fetched whose inode numbers the listener
 * sends. A file of which one cannot be fetched is logged, and answered: its reader gets the driver's EIO.
 */
export async function help({ image, shownAt, log: kind, confined }: OpensOrder): Promise<void> {
  const log = logTo({ kind, descriptor: LOG_DESCRIPTOR });
  const client = new FetchClient(REQUEST_DESCRIPTOR, image.lazy);
  let tree: ImageTree;
  try {
    tree = openFetched(image.store, image.options, client, image.manifest);
  } catch (error) {
    report({ error: reportError(error) });
    process.exitCode = 1;
    return;
  }
  confine(confined ? RESOURCE_DESCRIPTOR : undefined, log);
  const listener = process.ppid;
  const over = Promise.withResolvers<void>();
  const channel = new Channel(CHANNEL_DESCRIPTOR, image.lazy.timeout, {
    receive: (inode) => void fetch(inode),
    ended(silent) {
      if (silent) {
        log("error", `${shownAt}: the process that has opens wait does not run: it is killed, and no more is fetched`);
        process.kill(listener, "SIGKILL");
      }
      over.resolve();
    },
  });
  const fetch = async (inode: bigint): Promise<void> => {
    try {
      await tree.fetchFile(Number(inode));
    } catch (error) {
      log("error", `${shownAt}: inode ${inode}: ${messageOf(error)}`);
    }
    channel.send(inode);
  };
  client.onComplete = () => channel.send(COMPLETE);
  report({ opened: true });
  await over.promise;
}
