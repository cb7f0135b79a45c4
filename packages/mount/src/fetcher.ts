/** The fetcher of a layout with lazy images; it is started in the layout's directory `lazy`, by connectFetcher(). */
import "@puzzlefs/linux/closed-streams";
import { dirname } from "node:path";

const { escapeText } = await import("@puzzlefs/linux");
const { openSystemLog } = await import("@puzzlefs/fuse");
const { runFetcher } = await import("@puzzlefs/lazy/fetcher");
const { mountedImages } = await import("./mounted-images.ts");

process.title = escapeText(`puzzlefs fetch ${process.cwd()}`);
const systemLog = openSystemLog();
const layout = escapeText(dirname(process.cwd()));
const log = (message: string): void => systemLog("error", `${layout}: fetcher: ${message}`);
try {
  await runFetcher({ log, mounted: mountedImages });
} catch (error) {
  log((error as Error).message);
  process.exitCode = 1;
}
// Requests may be under way that no reader waits for.
process.exit();
