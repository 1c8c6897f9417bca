// Shows one of the page's two languages: what was chosen last, else what the browser prefers.
"use strict";
{
  const root = document.documentElement;
  const remembered = () => {
    try {
      return localStorage.getItem("language");
    } catch {
      return null; // A file:// page may have no storage.
    }
  };
  const show = (language) => {
    root.lang = language;
    try {
      localStorage.setItem("language", language);
    } catch {
      // Then it is not remembered.
    }
  };
  root.lang = remembered() ?? (navigator.language.startsWith("ko") ? "ko" : "en");
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector("#language").addEventListener("click", () => {
      show(root.lang === "ko" ? "en" : "ko");
    });
  });
}
