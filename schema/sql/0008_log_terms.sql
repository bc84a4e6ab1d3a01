-- What was added to the index of terms waits in a list until that is merged, within the statement that
-- finds it full. At the default of 4 MB that took over a second, and the log fell behind meanwhile.
alter index log_segment_terms set (gin_pending_list_limit = 256);
