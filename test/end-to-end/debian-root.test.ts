import { debianRoot, missing } from "./programs.ts";
import { testRoundTrips } from "./round-trip.ts";
import { fewVariants } from "./variants.ts";

const lacks = missing(debianRoot).length > 0 ? ["a Debian root in the cache"] : [];
testRoundTrips("Debian root", fewVariants, lacks, () => debianRoot);
