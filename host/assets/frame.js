// What a page does in a frame of another product. By itself it does nothing, and without it the page reads all the same.

const origins = (document.documentElement.dataset.frame ?? "").split(" ").filter(Boolean);
const isFramed = window.parent !== window;

/** Those of the page around us: one that the operator listed, and never any other. */
function listeners() {
  const around = location.ancestorOrigins?.[0];
  return around === undefined ? origins : origins.filter((origin) => origin === around);
}

let told;

/** Tells the page around us how high we are, so that nobody scrolls within a scroll. */
function tell() {
  const height = Math.ceil(document.body.getBoundingClientRect().height);
  if (height === told) return;
  told = height;
  for (const origin of listeners()) window.parent.postMessage({ type: "leadline:height", height }, origin);
}

/** Somebody was in another window, where he connected perhaps. */
function lookAgain() {
  const page = document.querySelector("[data-look-again]");
  if (page) location.replace(page.dataset.lookAgain);
}

/** HubSpot's consent opens in a window of its own with the click that asks for it. Where no window may open, the page that
    comes has a link. */
async function consent(form, submitter, opened) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const answer = await fetch(form.action, { method: "POST", body, headers: { accept: "text/html" } }).catch(() => undefined);
  const page = answer?.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : undefined;
  const link = page?.querySelector("a[data-consent]");
  if (!link) {
    opened.close();
    return form.submit();
  }
  opened.opener = null;
  opened.location = link.href;
  document.getElementById("main").replaceWith(page.getElementById("main"));
  const look = setInterval(() => {
    if (!opened.closed) return;
    clearInterval(look);
    lookAgain();
  }, 1000);
}

if (isFramed && origins.length > 0) {
  document.documentElement.classList.add("framed");
  new ResizeObserver(tell).observe(document.body);
  tell();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) lookAgain(); });
  document.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    if (!new URL(form.action).pathname.endsWith("/connectors/connect") || submitter?.value === "link") return;
    const opened = window.open("", "_blank");
    if (!opened) return;
    event.preventDefault();
    consent(form, submitter, opened);
  });
}
