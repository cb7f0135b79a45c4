/** Sends a connection to the fetcher of a layout over standard input; connector.sh runs it. Descriptor 3 is the directory `lazy`. */
import { Directory, sendDescriptor } from "@puzzlefs/linux";
import { connectFetcher } from "@puzzlefs/lazy";
import { fetcherProgram } from "./fetcher-program.ts";

sendDescriptor(0, await connectFetcher(new Directory(3, "lazy"), fetcherProgram()));
// What was sent is open in the other process.
process.exit();
