// The parts of the first page that need a script: sending files, an example image, the player.
"use strict";

(() => {
  const $ = (id) => document.getElementById(id);

  // --- keyboard ---------------------------------------------------------------------------------

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select");
    const box = $("q");
    if (event.key === "/" && box && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      box.focus();
      box.select();
    }
  });

  // --- dropping -----------------------------------------------------------------------------------

  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

  // A file that misses its target must not replace the page.
  for (const kind of ["dragover", "drop"]) {
    window.addEventListener(kind, (event) => hasFiles(event) && event.preventDefault());
  }

  function takesDrops(zone, take) {
    if (!zone) return;
    const over = (is) => (event) => {
      if (hasFiles(event)) zone.classList.toggle("over", is);
    };
    zone.addEventListener("dragenter", over(true));
    zone.addEventListener("dragover", over(true));
    zone.addEventListener("dragleave", over(false));
    zone.addEventListener("drop", (event) => {
      zone.classList.remove("over");
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      take(event.dataTransfer.files);
    });
  }

  // --- search by example ----------------------------------------------------------------------------

  const image = $("image");
  takesDrops($("search"), (files) => {
    const one = new DataTransfer();
    one.items.add(files[0]);
    image.files = one.files;
    image.dispatchEvent(new Event("change", { bubbles: true }));
  });
  image?.addEventListener("change", (event) => {
    const [file] = image.files;
    if (!file) return;
    $("q").value = "";
    if (file.size <= Number(image.dataset.limit)) return;
    event.stopPropagation(); // or it would be sent, and refused half-way
    image.value = "";
    $("results").replaceChildren(line("problem", `${file.name} is too large for an example; choose a smaller picture.`));
  });
  // The same file may be chosen once more.
  $("example")?.addEventListener("htmx:afterRequest", () => {
    image.value = "";
  });
  const unanswered = (text) => (event) => {
    const { target } = event.detail;
    if (target?.id === "results") target.replaceChildren(line("problem", text));
  };
  document.body.addEventListener("htmx:sendError", unanswered("The server does not answer. Is it running?"));
  document.body.addEventListener("htmx:responseError", unanswered("The server could not search; its log says why."));

  // --- sending files --------------------------------------------------------------------------------

  const AT_A_TIME = 2;
  const waiting = [];
  let sending = 0;

  takesDrops($("drop"), send);
  $("files")?.addEventListener("change", (event) => {
    send(event.target.files);
    event.target.value = "";
  });

  function send(files) {
    for (const file of files) waiting.push({ file, row: row(file) });
    next();
  }

  function next() {
    while (sending < AT_A_TIME && waiting.length) {
      sending += 1;
      upload(waiting.shift());
    }
  }

  function upload({ file, row }) {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file);
    request.open("POST", "/api/v1/assets");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) row.progress.value = event.loaded / event.total;
    });
    request.addEventListener("loadend", () => {
      sending -= 1;
      row.progress.remove();
      answer(row, request.status, request.response);
      next();
    });
    request.send(form);
  }

  function answer(row, status, body) {
    if (status === 202) return received(row, body);
    row.item.classList.add("failed");
    if (status === 401) return row.say("You are logged out; load the page anew.");
    if (!body) return row.say("The server did not answer; try again.");
    const fields = (body.errors ?? []).map((each) => `${each.field} ${each.problem}`);
    row.say([body.detail, body.mend, ...fields].filter(Boolean).join("; "));
  }

  function received(row, body) {
    const known = body.duplicate_of;
    row.item.classList.add("sent");
    row.say(known ? "is here already: " : "received as ");
    const link = document.createElement("a");
    link.href = `/view/${known ?? body.id}`;
    link.textContent = known ?? body.id;
    row.state.append(link);
    if (!known) expect(body.id);
    htmx.trigger(document.body, "sent");
  }

  // The list of files also shows what has been sent and not been taken in yet.
  function expect(id) {
    const field = $("expected");
    field.value = [id, ...field.value.split(",").filter(Boolean)].slice(0, 50).join(",");
  }

  function row(file) {
    const item = document.createElement("li");
    const progress = document.createElement("progress");
    const state = line("state", "");
    progress.max = 1;
    progress.value = 0;
    progress.setAttribute("aria-label", `Sending ${file.name}`);
    item.append(line("name", file.name), progress, state);
    $("uploads").prepend(item);
    return { item, progress, state, say: (text) => (state.textContent = text) };
  }

  function line(name, text) {
    const made = document.createElement("span");
    made.className = name;
    made.textContent = text;
    return made;
  }

  // --- player ---------------------------------------------------------------------------------------

  const player = $("player");
  if (player) {
    const stage = $("stage");
    const overlay = $("overlay");
    const [start, end] = [Number(stage.dataset.start), Number(stage.dataset.end)];
    const moments = [...document.querySelectorAll(".moment[data-start]")];

    const seek = (time) => {
      if (Math.abs(player.currentTime - time) > 0.05) player.currentTime = time;
    };
    const ready = () => start && seek(start);
    if (player.readyState >= 1) ready();
    else player.addEventListener("loadedmetadata", ready, { once: true });

    // What the browser cannot play may have a small rendition that it can.
    const failed = () => {
      const proxy = stage.dataset.proxy;
      if (!proxy || player.getAttribute("src") === proxy) {
        $("unplayable").hidden = false;
        return;
      }
      player.addEventListener("loadedmetadata", ready, { once: true });
      player.src = proxy;
    };
    player.addEventListener("error", failed);
    if (player.error) failed();

    player.addEventListener("timeupdate", () => {
      const now = player.currentTime + 0.001;
      overlay?.classList.toggle("away", now < start || now > end + 0.05);
      for (const moment of moments) {
        const inside = now >= Number(moment.dataset.start) && now < Number(moment.dataset.end);
        moment.classList.toggle("playing", inside);
      }
    });

    for (const moment of moments) {
      moment.addEventListener("click", (event) => {
        if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
        if (!event.target.closest("a") || player.error) return;
        event.preventDefault();
        seek(Number(moment.dataset.start));
        player.play().catch(() => {});
        stage.scrollIntoView({ block: "nearest" });
      });
    }
  }

  // A focused paragraph far down the page is brought into view; under a picture it may wait.
  const focus = $("focus");
  if (focus && !player && !document.querySelector(".picture")) focus.scrollIntoView({ block: "center" });
})();
