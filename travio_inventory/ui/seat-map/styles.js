// --- styles ----------------------------------------------------------------------------------------------------------

const STYLES = `
:host {
  --accent: #2f4bd8; --accent-text: #fff; --text: #1a2033; --quiet: #5a6279; --line: #d5dae6; --ground: #fff;
  --ground-soft: #f4f6fb; --free: #fff; --free-line: #5f6b8a; --yours: #0b6b4d; --held: #fff0c9; --held-line: #9a6700;
  --sold: #dde1ea; --sold-text: #6b7387; --bad: #a61b2b; --bad-ground: #fdecee; --good-ground: #e7f6ef;
  --radius: 10px; --size: 36px;
  display: block; color: var(--text); background: var(--ground); container-type: inline-size;
  font: 15px/1.45 -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; color-scheme: light;
}
:host([hidden]) { display: none }
@media (prefers-color-scheme: dark) {
  :host(:not([theme=light])) {
    --accent: #93a5ff; --accent-text: #10142a; --text: #e9ecf5; --quiet: #a7afc4; --line: #39415a; --ground: #171b28;
    --ground-soft: #1f2536; --free: #232a3d; --free-line: #97a2c0; --yours: #6fd6ae; --held: #4a3a10;
  --held-line: #e0b24a;
    --sold: #2b3143; --sold-text: #8c95ad; --bad: #ff9aa5; --bad-ground: #43202a; --good-ground: #17382d;
  color-scheme: dark;
  }
}
* { box-sizing: border-box }
[hidden] { display: none !important }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
button, select { font: inherit; color: inherit; min-height: 40px; border-radius: 8px;
  border: 1px solid var(--line); background: var(--ground); padding: 0 12px }
button { cursor: pointer }
button:hover:not([aria-disabled=true]) { border-color: var(--accent) }
button[aria-disabled=true], select:disabled { opacity: .55; cursor: default }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
.bar { display: flex; flex-wrap: wrap; gap: 10px 16px; align-items: end; margin-bottom: 14px }
.bar label, .party { display: grid; gap: 3px; font-size: 13px; color: var(--quiet) }
.bar label, .party { min-width: 0; max-width: 100% }
.bar select { width: 100%; max-width: 15rem; color: var(--text); font-size: 15px }
.stepper { display: flex; align-items: center }
.stepper button { width: 40px; padding: 0; font-size: 20px; line-height: 1 }
.stepper strong { min-width: 2.4em; text-align: center; font-weight: 600; color: var(--text); font-size: 16px }
.tabs { display: flex; gap: 6px; overflow-x: auto; padding: 4px; margin: 0 -4px 12px; scrollbar-width: thin }
.tab { flex: none; max-width: min(15rem, 80cqi); overflow-wrap: anywhere; display: grid; text-align: start; padding: 6px 12px; line-height: 1.25;
  background: var(--ground-soft) }
.tab small { color: var(--quiet); font-size: 12px }
.tab[aria-selected=true] { background: var(--accent); border-color: var(--accent); color: var(--accent-text) }
.tab[aria-selected=true] small { color: inherit }
.notice, .detail, .legend li, .seats label, .quiet, .bar button { overflow-wrap: anywhere }
.legend li, .seats label span { min-width: 0 }
.notice { border-radius: var(--radius); padding: 10px 14px; margin: 0 0 12px; background: var(--ground-soft);
  border-inline-start: 4px solid var(--accent) }
.notice.bad { background: var(--bad-ground); border-color: var(--bad) }
.notice.good { background: var(--good-ground); border-color: var(--yours) }
.main { display: grid; gap: 20px; grid-template-columns: minmax(0, 1fr) }
.jump { position: sticky; bottom: 10px; z-index: 2; box-shadow: 0 2px 12px #0004 }
@container (min-width: 760px) {
  .main { grid-template-columns: minmax(0, 1fr) 300px; align-items: start }
  .choice { position: sticky; top: 12px }
  .jump { display: none }
}
.plan { min-width: 0; border: 1px solid var(--line); border-radius: 16px; background: var(--ground-soft);
  padding: 14px 10px }
.scroll { overflow: auto; max-height: 74vh; padding: 6px; scrollbar-width: thin }
.away .scroll { filter: grayscale(1) }
.vehicle { display: grid; width: max-content; margin: 0 auto; direction: ltr; padding: 12px 16px 18px 8px;
  background: var(--ground); border: 1px solid var(--line); border-radius: 26px 26px 14px 14px }
.vehicle > * { grid-area: 1 / 1; display: grid; gap: 4px }
.features { pointer-events: none }
.row { display: contents }
.number { display: grid; place-items: center; font-size: 11px; color: var(--quiet) }
.feature { display: grid; place-items: center; overflow: hidden; font-size: 11px; color: var(--quiet);
  border: 1px dashed var(--line); border-radius: 6px; text-align: center }
.ahead { display: flex; justify-content: center; align-items: center; gap: 6px; margin: 4px; font-size: 12px;
  color: var(--quiet) }
.seat { position: relative; width: var(--size); height: var(--size); display: grid; place-items: center;
  cursor: pointer; user-select: none; overflow: hidden; font-size: clamp(10px, calc(var(--size) * .34), 14px);
  font-weight: 600; background: var(--free); color: var(--text); border: 1.5px solid var(--free-line);
  border-radius: 9px 9px 5px 5px; touch-action: manipulation; transition: background-color .25s, border-color .25s }
.seat::before { content: ""; position: absolute; inset: 0 0 auto; height: 4px;
  background: var(--class-color, transparent) }
.seat:hover { border-color: var(--accent) }
.seat:focus-visible { z-index: 1; outline-offset: 1px }
.seat[data-state=selected] { background: var(--accent); border-color: var(--accent); color: var(--accent-text) }
.seat[data-state=yours] { background: var(--yours); border-color: var(--yours); color: var(--ground) }
.seat[data-state=held] { background: repeating-linear-gradient(45deg, var(--held) 0 5px, transparent 5px 9px);
  border-color: var(--held-line); border-radius: 50%; color: transparent; cursor: not-allowed }
.seat[data-state=booked] { background: var(--sold); border-color: transparent; color: transparent;
  cursor: not-allowed }
.seat[data-state=blocked] { background: transparent; border: 1.5px dashed var(--line); color: transparent;
  cursor: not-allowed }
.seat:not([data-state=available])::before { display: none }
.seat::after { position: absolute; inset: 0; display: grid; place-items: center; color: var(--sold-text);
  font-size: calc(var(--size) * .5); font-weight: 400 }
.seat[data-state=held]::after { content: "…"; color: var(--held-line); font-weight: 700; padding-bottom: .35em }
.seat[data-state=booked]::after { content: "×" }
.seat[data-state=blocked]::after { content: "–" }
.seat:is([data-state=selected], [data-state=yours])::after { content: "✓"; color: inherit;
  inset: 1px 3px auto auto; font-size: calc(var(--size) * .27); font-weight: 700 }
.seat.lost { animation: lost 1.2s }
@keyframes lost { 0%, 60% { box-shadow: 0 0 0 4px var(--bad) } 100% { box-shadow: 0 0 0 4px transparent } }
@media (prefers-reduced-motion: reduce) { .seat { transition: none; animation: none !important } }
.detail { min-height: 1.45em; margin: 10px 6px 4px; text-align: center; color: var(--quiet); font-size: 14px }
.legend { list-style: none; display: flex; flex-wrap: wrap; justify-content: center; gap: 6px 16px;
  margin: 10px 0 2px; padding: 0; font-size: 13px; color: var(--quiet) }
.legend li { display: flex; align-items: center; gap: 7px }
.legend .seat { --size: 20px; cursor: default }
.legend .swatch { width: 20px; height: 5px; border-radius: 3px; background: var(--class-color) }
.choice { display: grid; gap: 12px; border: 1px solid var(--line); border-radius: 16px; padding: 16px;
  background: var(--ground) }
h2 { font-size: 16px; margin: 0 }
.quiet { color: var(--quiet); margin: 0; font-size: 14px }
.chosen { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px }
.chosen li { display: flex; gap: 8px; align-items: center; justify-content: space-between;
  border-bottom: 1px solid var(--line); padding-bottom: 8px }
.chosen .what { min-width: 0; overflow-wrap: anywhere }
.chosen small { display: block; color: var(--quiet) }
.chosen .price { margin-inline-start: auto; white-space: nowrap; font-variant-numeric: tabular-nums }
.chosen button { min-height: 32px; width: 32px; padding: 0; flex: none }
.total { display: flex; justify-content: space-between; font-weight: 700; margin: 0 }
.primary { min-height: 46px; background: var(--accent); border-color: var(--accent); color: var(--accent-text);
  font-weight: 600 }
.primary[aria-disabled=true] { background: var(--ground-soft); color: var(--quiet); border-color: var(--line); opacity: 1 }
.timer { display: flex; justify-content: space-between; align-items: baseline; gap: 10px; margin: 0;
  padding: 10px 12px; border-radius: 8px; background: var(--good-ground) }
.timer strong { font-size: 22px; font-variant-numeric: tabular-nums }
.timer.soon { background: var(--bad-ground); color: var(--bad) }
.seats { list-style: none; margin: 0 auto; padding: 0; max-width: 34rem; display: grid; gap: 6px }
.seats label { display: flex; align-items: center; gap: 12px; min-height: 44px; padding: 6px 12px;
  border: 1px solid var(--line); border-radius: 8px; background: var(--ground); cursor: pointer }
.seats label:has(:checked) { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent) }
.seats input { width: 20px; height: 20px; flex: none; accent-color: var(--accent) }
.seats .price { margin-inline-start: auto; white-space: nowrap }
.more { display: block; margin: 12px auto 0 }
@media (forced-colors: active) {
  .seat, .swatch { forced-color-adjust: none }
  .swatch { border: 1px solid CanvasText }
  .tab[aria-selected=true] { forced-color-adjust: none; background: Highlight; color: HighlightText; border-color: Highlight }
  button[aria-disabled=true] { color: GrayText; border-color: GrayText; opacity: 1 }
  .notice.bad, .timer.soon { border: 2px solid CanvasText }
}
`;

const sheet = new CSSStyleSheet();
sheet.replaceSync(STYLES);
