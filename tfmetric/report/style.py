"""The style of the page: for wide screens, phones, dark mode and paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1f2328; --soft: #57606a; --line: #d0d7de; --paper: #fff; --tint: #f6f8fa;
  --link: #0550ae; --right: #1a7f37; --wrong: #b35900; --missed: #0072b2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6edf3; --soft: #9aa4af; --line: #3a424c; --paper: #0f1419; --tint: #181e25;
    --link: #79b8ff; --right: #4ac26b; --wrong: #f0883e; --missed: #56b4e9;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0 auto; max-width: 66rem; padding: 1.5rem clamp(1rem, 4vw, 2.5rem) 4rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: break-word;
}
p, ul, dl, .rowwords { max-width: 44rem; }
a { color: var(--link); text-underline-offset: .15em; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 2px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 1rem; background: var(--paper); padding: .5rem 1rem; z-index: 2; }
header p { color: var(--soft); margin: .25rem 0; }
h1 { font-size: clamp(1.6rem, 5vw, 2.2rem); line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.35rem; line-height: 1.3; margin: 3rem 0 .75rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
header .alarm { color: var(--ink); background: var(--tint); border-left: 4px solid var(--wrong);
  padding: .75rem 1rem; margin: 1rem 0; font-size: 1.1rem; max-width: 44rem; }
header .verdict { color: var(--ink); font-size: 1.1rem; margin: 1rem 0; max-width: 44rem; }
.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem;
  max-width: none; margin: 1.25rem 0; }
.key div { background: var(--tint); border: 1px solid var(--line); border-radius: 6px;
  padding: .75rem 1rem; }
.key dt { color: var(--soft); font-size: .875rem; }
.key dd { margin: 0; font-size: 1.6rem; font-variant-numeric: tabular-nums; line-height: 1.3; }
.key .small { display: block; color: var(--soft); font-size: .8125rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0;
  max-width: none; }
nav a { display: inline-block; padding: .25rem 0; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .25rem 1.25rem; }
dl.key { display: grid; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; }
.scroll { overflow-x: auto; margin: 1.25rem 0; }
.sideways { display: none; position: sticky; left: 0; margin: 0 0 .35rem; color: var(--soft);
  font-size: .8125rem; }
.wide .sideways { display: block; }
table { border-collapse: collapse; font-size: .9375rem; min-width: 60%; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
thead th { border-bottom: 2px solid var(--soft); font-size: .875rem; }
tbody th { font-weight: 500; min-width: 5.5rem; }
td:not(.number) { min-width: 8rem; }
td:nth-child(4):not(.number) { min-width: 15rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.number:last-child, th.number:last-child { padding-right: .25rem; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono",
  monospace; font-size: .875em; overflow-wrap: anywhere; }
pre { background: var(--tint); border: 1px solid var(--line); border-radius: 6px;
  padding: .75rem 1rem; white-space: pre-wrap; }
summary { cursor: pointer; padding: .25rem 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(21rem, 100%), 1fr));
  gap: 1.25rem; align-items: start; margin: 1.25rem 0; }
.charts > .scroll { margin: 0; }
figure { margin: 0; }
/* The pictures have dark ink: they stay on white in the dark. */
.chart img { display: block; width: 100%; max-width: 32rem; height: auto; background: #fff;
  border: 1px solid var(--line); border-radius: 6px; padding: .4rem; }
figcaption { color: var(--soft); font-size: .875rem; margin-top: .4rem; }
.neighbours { display: flex; flex-wrap: wrap; gap: .6rem; list-style: none; padding: 0;
  margin: .5rem 0 1.5rem; max-width: none; }
.neighbours li { width: 5.25rem; text-align: center; font-size: .75rem; line-height: 1.3; }
.neighbours img { display: block; margin: 0 auto .25rem; max-width: 100%; background: #fff;
  border: 1px solid var(--line); }
.neighbours .pixels { image-rendering: pixelated; }
.neighbours .name { display: block; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.neighbours .words { display: block; height: 4.1rem; overflow: hidden; text-align: left;
  border: 1px solid var(--line); padding: .15rem .25rem; margin-bottom: .25rem;
  overflow-wrap: anywhere; }
.play { font: inherit; color: inherit; background: var(--tint); border: 1px solid var(--line);
  border-radius: 4px; padding: .15rem .6rem; margin: 0 auto .25rem; cursor: pointer; }
.play::before { content: "\\25B6\\FE0E\\2002"; } .play.on::before { content: "\\25A0\\2002"; }
/* Words need more room than pictures. */
.roomy { gap: .9rem .75rem; } .roomy li { width: 10.5rem; }
.roomy .words { height: auto; min-height: 4.1rem; }
.query .words { outline: 3px double var(--soft); }
.right .words { outline: 3px solid var(--right); }
.wrong .words { outline: 3px dashed var(--wrong); }
.missed .words { outline: 3px dotted var(--missed); }
.word { color: var(--soft); }
.query img { outline: 3px double var(--soft); outline-offset: 1px; }
.right img { outline: 3px solid var(--right); outline-offset: 1px; }
.wrong img { outline: 3px dashed var(--wrong); outline-offset: 1px; }
.missed img { outline: 3px dotted var(--missed); outline-offset: 1px; }
.right .word { color: var(--right); } .wrong .word { color: var(--wrong); }
.missed .word { color: var(--missed); }
.query { margin-right: .75rem; }
.rowwords { margin: 0; color: var(--soft); font-size: .875rem; }
.map > svg { display: block; width: 100%; height: auto; background: #fff;
  border: 1px solid var(--line); border-radius: 6px; touch-action: manipulation; }
#map path { stroke: #fff; stroke-width: 1; }
#map path.on { stroke: #000; stroke-width: 4; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; padding: 0;
  max-width: none; margin: .5rem 0; }
.legend svg { width: 1em; height: 1em; margin-right: .4em; vertical-align: -.1em; }
#map-card { display: flex; align-items: center; gap: .75rem; min-height: 84px; }
#map-card[hidden], #map-thumb[hidden] { display: none; }
#map-thumb { flex: none; border: 1px solid var(--line); }
#map-words { min-width: 0; overflow-wrap: anywhere; }
footer { color: var(--soft); font-size: .875rem; margin-top: 3rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }
@media (max-width: 30rem) {
  dl:not(.key) { grid-template-columns: 1fr; gap: 0; }
  dl:not(.key) dd { margin-bottom: .5rem; }
  .neighbours { gap: .5rem; } .neighbours li { width: 4.6rem; margin: 0; }
  .roomy { gap: .75rem; } .roomy li { width: calc(50% - .375rem); }
  table { font-size: .875rem; } th, td { padding-right: .6rem; }
  .key { grid-template-columns: 1fr 1fr; } .key div { padding: .6rem .7rem; }
  .key dd { font-size: 1.35rem; }
}
@media print {
  .play { display: none; }
  :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --tint: #fff; --link: #000;
    --right: #1a7f37; --wrong: #b35900; --missed: #0072b2; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav, .skip, #map-card, .wide .sideways { display: none; }
  h2 { break-after: avoid; margin-top: 1.5rem; } h3, caption { break-after: avoid; }
  figure, tr, .rowbox, .key div { break-inside: avoid; }
  .scroll { overflow: visible; }
  .charts { grid-template-columns: 1fr 1fr; }
  .neighbours { gap: .3rem; margin-bottom: .75rem; } .neighbours li { width: 4.1rem; }
  .neighbours img { max-width: 42px; height: auto; } .query { margin-right: .2rem; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
