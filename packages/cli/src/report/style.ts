import { Markup } from "./markup.ts";

/*
 * Blue is what images need, orange what nothing needs, grey what is summed up: hues that colour-blind readers distinguish, each of another
 * lightness. Every text has a contrast of 4.5 to 1 or more with what is behind it.
 */
const light = `
  --paper: #ffffff; --ink: #1b1f24; --muted: #57606a; --grid: #dde2e8; --panel: #f5f7f9;
  --needed: #0b62b0; --before: #b5d3ef; --waste: #d9660b; --rest: #cfd4da; --frame: #e9edf1; --area: #a9cbea; --on-area: #10233a;
  --share-0: #f5f7f9; --share-1: #dbe9f6; --share-2: #b5d3ef; --share-3: #86b7e2; --share-4: #1f74bf; --share-5: #0b4f91;
  --on-share-0: #57606a; --on-share-1: #10233a; --on-share-2: #10233a; --on-share-3: #10233a; --on-share-4: #ffffff; --on-share-5: #ffffff;`;

const dark = `
  --paper: #14181d; --ink: #e4e8ed; --muted: #9aa5b1; --grid: #2f363e; --panel: #1c2228;
  --needed: #58a6f0; --before: #254a70; --waste: #f2994a; --rest: #4a535d; --frame: #232a32; --area: #2b567f; --on-area: #f0f5fa;
  --share-0: #1c2228; --share-1: #1b3048; --share-2: #22456a; --share-3: #2f659a; --share-4: #6fb1ee; --share-5: #a8d2f7;
  --on-share-0: #9aa5b1; --on-share-1: #e4e8ed; --on-share-2: #f0f5fa; --on-share-3: #ffffff; --on-share-4: #0b1a2a; --on-share-5: #0b1a2a;`;

/** The style sheet. Paper gets the light colours, and all tables. */
export const style = new Markup(`
:root { color-scheme: light dark; ${light} }
@media screen and (prefers-color-scheme: dark) { :root { ${dark} } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 55.75rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .25rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: .25rem 0 .75rem; max-width: 46rem; }
.note { color: var(--muted); font-size: .875rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0; }
.figures div { background: var(--panel); border-radius: .4rem; padding: .6rem .8rem; }
.figures dt { color: var(--muted); font-size: .875rem; }
.figures dd { margin: 0; font-size: 1.35rem; font-weight: 600; }
.problems { border-left: .3rem solid var(--waste); background: var(--panel); padding: .5rem 1rem; margin: 1.25rem 0 0; }
.problems ul { margin: .25rem 0; padding-left: 1.2rem; }
.chart { margin: .75rem 0; }
.chart svg { display: block; max-width: 100%; height: auto; }
.narrow { display: none; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; margin: .5rem 0; padding: 0; font-size: .875rem; }
.legend svg { width: .9em; height: .9em; margin-right: .4em; vertical-align: -.08em; outline: 1px solid var(--grid); }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--muted); font-size: .875rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .2rem .75rem .2rem 0; border-bottom: 1px solid var(--grid); min-width: 3.5rem;
  overflow-wrap: normal; }
th { font-weight: 600; }
td.name { min-width: 8rem; max-width: 26rem; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; white-space: nowrap; }
code { font-size: .875em; display: inline-block; min-width: 15rem; overflow-wrap: anywhere; }
.chart text { font-family: system-ui, sans-serif; }
.bars text { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
@media (max-width: 40rem) { .wide { display: none; } .narrow { display: block; max-width: 30rem; } .narrow svg { width: 100%; } }
@media print {
  .wide { display: block; } .narrow { display: none; }
  body { padding: 0; max-width: none; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h2, h3 { break-after: avoid; } .chart, tr { break-inside: avoid; } .scroll { overflow: visible; }
  td.name, code { min-width: 0; } table { width: 100%; }
  details::details-content { display: block; content-visibility: visible; block-size: auto; }
}
`);
