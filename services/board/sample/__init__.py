"""DỮ LIỆU MẪU: a made-up province, in the files that a real one would write."""
