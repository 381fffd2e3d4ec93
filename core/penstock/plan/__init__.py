"""What a sync would do, found out by doing it to copies; and the doing of just that.

A plan is a sync whose ends go with it: the sink is a stand-in that begins with what the catalog holds, the journal a
copy. So there is nothing in which a plan and the sync after it could differ but what has changed in between.
"""
