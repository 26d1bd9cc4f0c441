"""Tests against real peers: Kamailio, rtpengine, SIPp, and JsSIP in headless Chromium (see README.md)."""
