/** The page's style sheet: system fonts, light and dark, readable on a phone, printable. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d8dee4;--ground:#fff;--card:#f6f8fa;--accent:#0b6e4f;--chip:#e7efe9}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--line:#30363d;--ground:#0d1117;--card:#161b22;--accent:#4cc38a;--chip:#1d2b24}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main,header,footer{max-width:60rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.5rem}
h1{font-size:1.7rem;margin:0}
h2{font-size:1.2rem;margin:0}
p{margin:.4rem 0}
.soft{color:var(--soft)}
input[type=search]{width:100%;margin:1.25rem 0 .5rem;padding:.7rem .9rem;font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:.5rem}
article{border:1px solid var(--line);border-radius:.6rem;padding:1rem 1.2rem;margin:1rem 0;background:var(--card)}
article .top{display:flex;flex-wrap:wrap;gap:.6rem;align-items:baseline}
.version{font-variant-numeric:tabular-nums;color:var(--accent);font-weight:600}
.chips{display:flex;flex-wrap:wrap;gap:.35rem;margin:.5rem 0;padding:0;list-style:none}
.chips li{background:var(--chip);border-radius:1rem;padding:.05rem .65rem;font-size:.85rem;overflow-wrap:anywhere}
pre{background:var(--ground);border:1px solid var(--line);border-radius:.4rem;padding:.5rem .8rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem;margin:.5rem 0}
code{font-size:.85rem;overflow-wrap:anywhere}
pre code{font-size:inherit}
a{color:var(--accent)}
strong{color:var(--ink)}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0;border-top:1px solid var(--line)}
th,td:first-child{white-space:nowrap}
td:last-child{width:99%}
.variants td:nth-child(2){white-space:nowrap}
th{color:var(--soft);font-weight:600}
.scroll{overflow-x:auto;margin:.4rem 0}
.variants{min-width:40rem}
summary{cursor:pointer;color:var(--accent);margin-top:.4rem}
footer{padding-top:1rem;padding-bottom:3rem}
footer p{border-top:1px solid var(--line);padding-top:1rem}
[hidden]{display:none!important}
`;

/** Filters the list while the reader types. Without it the page shows everything. */
export const PAGE_SCRIPT = `
const box=document.querySelector('input[type=search]'),none=document.getElementById('none'),cards=[...document.querySelectorAll('article')];
box.hidden=false;
box.addEventListener('input',()=>{const words=box.value.toLowerCase().split(/\\s+/).filter(Boolean);let shown=0;
for(const card of cards){const hit=words.every(w=>card.dataset.search.includes(w));card.hidden=!hit;shown+=hit}
none.hidden=shown>0});
`;
