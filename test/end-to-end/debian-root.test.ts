import { debianRoot, missing } from "./programs.ts";
import { testRoundTrips } from "./round-trip.ts";

testRoundTrips("Debian root", missing(debianRoot).length > 0 ? ["a Debian root in the cache"] : [], () => debianRoot);
