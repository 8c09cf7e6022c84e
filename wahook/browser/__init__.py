"""Chromium: found, launched, owned, spoken to over DevTools, seen by Selenium, killed."""
