/** @file The look of the HTML report: light and dark, screen and paper. */

export const STYLE = `
:root { --ink: #1c2430; --soft: #5b6675; --paper: #ffffff; --line: #d8dee6; --tint: #f4f6f9; --shade: #1c243040; --a: #2463b8; --b: #c2571a; --c: #5a7d1f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaf0; --soft: #9aa6b5; --paper: #14181e; --line: #333c48; --tint: #1d232b; --shade: #e6eaf04d; --a: #6ea8f2; --b: #f0955a; --c: #a5cc62; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 66rem; padding: 1.5rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
h3 { font-size: 1.05rem; } h4 { font-size: .95rem; margin: .75rem 0 .25rem; overflow-wrap: anywhere; }
p { max-width: 48rem; margin: .5rem 0; overflow-wrap: anywhere; } section > p { color: var(--soft); }
.verdict { font-size: 1.1rem; background: var(--tint); border-left: 4px solid var(--a); padding: .75rem 1rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; } a { color: var(--a); }
.table { overflow-x: auto; margin: 1rem 0; container-type: inline-size;
  /* the first two scroll along and cover the shades of the ends where nothing is hidden */
  background: linear-gradient(to right, var(--paper) 1rem, transparent) 0 0 / 2.5rem 100% no-repeat local,
    linear-gradient(to left, var(--paper) 1rem, transparent) 100% 0 / 2.5rem 100% no-repeat local,
    linear-gradient(to right, var(--shade), transparent) 0 0 / 1rem 100% no-repeat scroll,
    linear-gradient(to left, var(--shade), transparent) 100% 0 / 1rem 100% no-repeat scroll; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
caption span { display: inline-block; position: sticky; left: 0; max-width: 100cqw; overflow-wrap: anywhere; }
th, td { text-align: right; padding: .3rem .75rem; border-bottom: 1px solid var(--line); white-space: nowrap; } wbr { white-space: normal; }
th:first-child { text-align: left; padding-left: 0; font-weight: 500; white-space: normal; overflow-wrap: anywhere; min-width: 10rem; max-width: 28rem; }
td.text { white-space: normal; overflow-wrap: anywhere; min-width: 9rem; max-width: 20rem; }
thead th { color: var(--soft); font-weight: 500; vertical-align: bottom; }
tbody tr:hover { background: var(--tint); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem; align-items: start; margin: 1rem 0; }
svg { width: 100%; max-width: 36rem; height: auto; font-size: 11px; } svg text { fill: var(--ink); } svg .label { fill: var(--soft); }
.grid { stroke: var(--line); } .axis { stroke: var(--soft); } .guide { stroke: var(--soft); stroke-dasharray: 4 4; }
.fill-a { fill: var(--a); } .fill-b { fill: var(--b); } .fill-c { fill: var(--c); }
.bar-a { stroke: var(--a); } .bar-b { stroke: var(--b); } .bar-c { stroke: var(--c); } .bar-a, .bar-b, .bar-c { stroke-width: 2; opacity: .6; }
.line-a { stroke: var(--a); } .line-b { stroke: var(--b); } .line-c { stroke: var(--c); } .line-a, .line-b, .line-c { fill: none; stroke-width: 2; }
.band-a { fill: var(--a); } .band-b { fill: var(--b); } .band-c { fill: var(--c); } .band-a, .band-b, .band-c { opacity: .15; }
details { border: 1px solid var(--line); border-radius: 6px; padding: .4rem .8rem; margin: .4rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; } a:focus-visible, summary:focus-visible, .table:focus-visible, pre:focus-visible { outline: 3px solid var(--a); outline-offset: 2px; }
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--tint); padding: .75rem; border-radius: 6px; font: .88rem/1.45 ui-monospace, monospace; margin: 0; max-height: 24rem; overflow-y: auto; }
@media (max-width: 30rem) {
  body { padding: 1rem; } svg { font-size: 14px; } /* of 460 units across: 10 px and more */
  th, td { padding: .3rem .5rem; } th:first-child { min-width: 5.5rem; }
}
@media print {
  :root { --ink: #000; --soft: #444; --paper: #fff; --line: #bbb; --tint: #f2f2f2; --a: #2463b8; --b: #c2571a; --c: #5a7d1f; }
  body { max-width: none; padding: 0; font-size: 11pt; } nav { display: none; } section { break-inside: auto; }
  svg, tr, details { break-inside: avoid; } .table { overflow: visible; background: none; } pre { max-height: none; }
}
`;
