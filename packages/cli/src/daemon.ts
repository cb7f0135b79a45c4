import { serve, serveSupervised } from "@puzzlefs/fuse";
import { type DaemonOrder, openOrdered, SERVER, settingsOf } from "./daemon-order.ts";

/**
 * The process behind a mount in the background; `puzzlefs mount` starts it and waits for its report. Or, with `server`
 * after the order, one of the processes that serve a supervised mount.
 */
const order: DaemonOrder = JSON.parse(process.argv[2] ?? "{}");
const begin = process.argv[3] === SERVER ? serveSupervised : serve;
await begin(() => openOrdered(order), order.mountpoint, settingsOf(order));
